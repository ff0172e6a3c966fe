-- The peers' personal bests as rows of pacegraph's best efforts. Their age grade is a fraction, drawn at random; the
-- standards follow from it.
SELECT pg_temp.id_of('BestEffort', p.id) AS id, pg_temp.id_of('Athlete', p.athlete_id) AS athlete_id,
       pg_temp.id_of('Activity', p.activity_id) AS activity_id, d.distance, d.distance_m, p.elapsed_time AS elapsed_s, 0 AS start_offset_s,
       p.achieved_at, 'STRAVA' AS provenance, false AS implied, true AS counts,
       extract(year FROM age(p.achieved_at, a.birth_date))::int AS age_on_day,
       CASE a.sex WHEN 'F' THEN 'FEMALE' ELSE 'MALE' END AS age_grade_sex,
       CASE WHEN d.distance_m < 1609 THEN 'TRACK_2023' ELSE 'ROAD_2025' END AS age_grade_table,
       p.elapsed_time * p.age_grade * 0.95 AS open_standard_s, p.elapsed_time * p.age_grade AS age_standard_s,
       p.age_grade * 100 AS age_grade_percent
  FROM personal_bests p
  JOIN athletes a ON a.id = p.athlete_id
  JOIN (VALUES ('400m', 'M400', 400), ('800m', 'M800', 800), ('1500m', 'M1500', 1500), ('mile', 'MILE1', 1609.344),
               ('5k', 'KM5', 5000), ('10k', 'KM10', 10000), ('half', 'HALF_MARATHON', 21097.5),
               ('marathon', 'MARATHON', 42195)) d (name, distance, distance_m) ON d.name = p.distance
