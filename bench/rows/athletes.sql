-- The peers' athletes as rows of pacegraph's table.
SELECT id, firstname AS first_name, lastname AS last_name, CASE sex WHEN 'F' THEN 'FEMALE' WHEN 'M' THEN 'MALE' END AS sex,
       birth_date, city, country, true AS shares
  FROM athletes
