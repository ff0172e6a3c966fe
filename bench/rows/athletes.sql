-- The peers' athletes as rows of pacegraph's table.
SELECT pg_temp.id_of('Athlete', id) AS id, firstname AS first_name, lastname AS last_name, CASE sex WHEN 'F' THEN 'FEMALE' WHEN 'M' THEN 'MALE' END AS sex,
       birth_date, city, country, true AS shares, timestamptz '2020-01-01 00:00:00+00' + id * interval '1 s' AS created_at
  FROM athletes
